with reversed as (

    -- Few payments are given back: everything is summed and converted before it meets the rest.
    select
        payment_id,
        count(*) filter (where kind = 'refund') as refunds,
        count(*) filter (where kind = 'chargeback') as chargebacks,
        cast(coalesce(sum(amount) filter (where kind = 'refund'), 0) as decimal(18, 2)) as refunded,
        cast(sum(amount) as decimal(18, 2)) as taken_back,
        -- All of them are of one payment, and so is the rate.
        max(rate) as rate
    from {{ ref('int_reversals') }}
    where is_netted
    group by payment_id

),

converted as (

    select
        payment_id,
        refunds,
        chargebacks,
        refunded,
        taken_back - refunded as charged_back,
        -- Rounded once for both together: what is given back in full nets to nothing, to the cent.
        {{ to_eur('refunded', 'rate') }} as refunded_eur,
        {{ to_eur('taken_back', 'rate') }} as taken_back_eur
    from reversed

),

netted as (

    select
        payments.*,
        coalesce(converted.refunds, 0) as refunds,
        coalesce(converted.chargebacks, 0) as chargebacks,
        coalesce(converted.refunded, 0) as refunded,
        coalesce(converted.charged_back, 0) as charged_back,
        case
            when payments.amount_eur is not null then coalesce(converted.refunded_eur, 0)
        end as refunded_eur,
        case
            when payments.amount_eur is not null
                then coalesce(converted.taken_back_eur - converted.refunded_eur, 0)
        end as charged_back_eur
    from {{ ref('payments_eur') }} as payments
    left join converted on payments.payment_id = converted.payment_id

)

select
    payment_id,
    booked_on,
    status,
    channel,
    merchant_id,
    customer_id,
    corridor,
    currency,
    amount,
    cast(refunded as decimal(18, 2)) as refunded,
    cast(charged_back as decimal(18, 2)) as charged_back,
    cast(amount - refunded - charged_back as decimal(18, 2)) as net,
    amount_eur,
    cast(refunded_eur as decimal(18, 2)) as refunded_eur,
    cast(charged_back_eur as decimal(18, 2)) as charged_back_eur,
    cast(amount_eur - refunded_eur - charged_back_eur as decimal(18, 2)) as net_eur,
    refunds,
    chargebacks,
    refunded > amount as is_over_refunded,
    refunded + charged_back > amount as is_over_reversed
from netted
