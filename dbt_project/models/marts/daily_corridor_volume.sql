select
    booked_on,
    corridor,
    count(*) as payments,
    cast(coalesce(sum(amount_eur), 0) as decimal(18, 2)) as volume_eur,
    count(*) filter (where amount_eur is null) as unconverted_payments
from {{ ref('payments_eur') }}
-- A failed payment moved no money.
where status <> 'failed'
group by booked_on, corridor
order by booked_on, corridor
