-- By corridor and by merchant, counts and volumes are those of the payments of the day. Whole rows
-- are compared, every column of them.
{%- set figures -%}
    sum(payments) as payments,
        sum(unconverted_payments) as unconverted_payments,
        sum(volume_eur) as volume_eur,
        sum(refunded_eur) as refunded_eur,
        sum(charged_back_eur) as charged_back_eur,
        sum(net_eur) as net_eur
{%- endset %}
with expected as (
    select
        booked_on,
        corridor,
        count(*) as payments,
        count(*) filter (where amount_eur is null) as unconverted_payments,
        coalesce(sum(amount_eur), 0) as volume_eur,
        coalesce(sum(refunded_eur), 0) as refunded_eur,
        coalesce(sum(charged_back_eur), 0) as charged_back_eur,
        coalesce(sum(net_eur), 0) as net_eur
    from {{ ref('payments_net') }}
    where status <> 'failed'
    group by booked_on, corridor
),

by_corridor as (
    select booked_on, corridor, {{ figures }}
    from {{ ref('daily_corridor_volume') }}
    group by booked_on, corridor
),

by_merchant as (
    select booked_on, null as corridor, {{ figures }}
    from {{ ref('daily_merchant_volume') }}
    group by booked_on
    -- A merchant's day may be nothing but failed payments, a corridor's may not.
    having sum(payments) > 0
),

by_day as (
    select booked_on, null as corridor, {{ figures }}
    from expected
    group by booked_on
)

select booked_on, corridor, by_corridor as reported, expected
from by_corridor
full join expected using (booked_on, corridor)
where by_corridor is distinct from expected
union all
select booked_on, null, by_merchant, by_day
from by_merchant
full join by_day using (booked_on)
where by_merchant is distinct from by_day
