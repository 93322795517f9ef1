with booked as (

    select
        payments.customer_id,
        payments.monday,
        count(*) filter (where payments.status <> 'failed') as payments,
        count(*) filter (where payments.status = 'failed') as failed_payments,
        count(*) filter (where payments.status <> 'failed' and risk.is_high_risk_mcc)
            as high_risk_payments,
        sum(payments.amount_eur) filter (where payments.status <> 'failed') as volume_eur,
        min(payments.booked_on) as first_booked_on,
        max(payments.booked_on) as last_booked_on
    from (
        select *, {{ known_from('booked_on') }} as monday from {{ ref('payments_eur') }}
    ) as payments
    left join {{ ref('int_merchant_risk_known') }} as risk
        on risk.merchant_id = payments.merchant_id and risk.monday = payments.monday
    group by payments.customer_id, payments.monday

),

settled as (

    -- Counted in the week of the settlement, which may be long after that of the payment.
    select
        customer_id,
        {{ known_from(business_day('settled_at')) }} as monday,
        count(*) as settled_payments
    from {{ ref('payments_eur') }}
    where settled_at is not null and status <> 'failed'
    group by customer_id, monday

),

reversed as (

    -- Whatever became of it later: its state of today was not known then. A reversal whose payment
    -- is missing, or later than itself, is nobody's.
    select
        customer_id,
        {{ known_from(business_day('asked_at')) }} as monday,
        count(*) filter (where kind = 'refund') as refunds,
        count(*) filter (where kind = 'chargeback') as chargebacks,
        sum(amount_eur) filter (where kind = 'refund') as refunded_eur
    from {{ ref('int_reversals') }}
    where booked_at <= asked_at
    group by customer_id, monday

),

lost as (

    select
        customer_id,
        {{ known_from(business_day('resolved_at')) }} as monday,
        count(*) as chargebacks_lost
    from {{ ref('int_reversals') }}
    where kind = 'chargeback' and status = 'lost' and booked_at <= asked_at
    group by customer_id, monday

)

select
    customer_id,
    monday,
    coalesce(booked.payments, 0) as payments,
    coalesce(booked.failed_payments, 0) as failed_payments,
    coalesce(booked.high_risk_payments, 0) as high_risk_payments,
    cast(coalesce(booked.volume_eur, 0) as decimal(18, 2)) as volume_eur,
    booked.first_booked_on,
    booked.last_booked_on,
    coalesce(settled.settled_payments, 0) as settled_payments,
    coalesce(reversed.refunds, 0) as refunds,
    cast(coalesce(reversed.refunded_eur, 0) as decimal(18, 2)) as refunded_eur,
    coalesce(reversed.chargebacks, 0) as chargebacks,
    coalesce(lost.chargebacks_lost, 0) as chargebacks_lost
from booked
full join settled using (customer_id, monday)
full join reversed using (customer_id, monday)
full join lost using (customer_id, monday)
