select
    booked_on,
    corridor,
    count(*) as payments,
    cast(coalesce(sum(amount_eur), 0) as decimal(18, 2)) as volume_eur,
    count(*) filter (where amount_eur is null) as unconverted_payments,
    -- On the day of the payment, whenever it was given back: old days change.
    cast(coalesce(sum(refunded_eur), 0) as decimal(18, 2)) as refunded_eur,
    cast(coalesce(sum(charged_back_eur), 0) as decimal(18, 2)) as charged_back_eur,
    cast(coalesce(sum(net_eur), 0) as decimal(18, 2)) as net_eur
from {{ ref('payments_net') }}
-- A failed payment moved no money.
where status <> 'failed'
group by booked_on, corridor
order by booked_on, corridor
