-- Once there is a Monday with more than a week behind it, whoever paid before it has features: the
-- mart may be empty in the first two weeks of a lake, and never again.
select days.first_day, days.last_day
from (
    select min(booked_on) as first_day, max(booked_on) as last_day
    from {{ ref('daily_merchant_volume') }}
) as days
where days.last_day - days.first_day >= 14
    and not exists (select 1 from {{ ref('customer_credit_features') }})
