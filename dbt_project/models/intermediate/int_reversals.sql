with reversals as (

    select
        'refund' as kind,
        refund_id as reversal_id,
        payment_id,
        created_at as asked_at,
        cast(null as timestamptz) as resolved_at,
        amount,
        currency,
        status,
        -- A pending refund counts as it is expected to end: nearly all of them succeed.
        status <> 'failed' as takes_money
    from {{ ref('stg_refunds') }}
    union all
    select
        'chargeback',
        chargeback_id,
        payment_id,
        opened_at,
        resolved_at,
        amount,
        currency,
        status,
        -- The network takes the money when a dispute is opened, and returns it if it is won.
        status <> 'won'
    from {{ ref('stg_chargebacks') }}

),

matched as (

    select
        reversals.*,
        payments.booked_at,
        payments.merchant_id,
        payments.customer_id,
        payments.rate,
        case
            when payments.payment_id is null then 'payment_unknown'
            when payments.status = 'failed' then 'payment_failed'
            when reversals.currency <> payments.currency then 'other_currency'
            when reversals.asked_at < payments.booked_at then 'before_payment'
            else 'matched'
        end as match_status
    from reversals
    left join {{ ref('payments_eur') }} as payments
        on reversals.payment_id = payments.payment_id

)

select
    kind,
    reversal_id,
    payment_id,
    asked_at,
    resolved_at,
    status,
    amount,
    currency,
    booked_at,
    merchant_id,
    customer_id,
    match_status,
    takes_money and match_status = 'matched' as is_netted,
    case when not takes_money then kind || '_' || status else match_status end as reason,
    rate,
    case
        when match_status = 'matched' then {{ to_eur('amount', 'rate') }}
    end as amount_eur
from matched
