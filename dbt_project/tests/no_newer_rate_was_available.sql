-- No rate was published between the one in force and the booking date, and nothing stayed
-- unconverted although a rate young enough was there. An independent check of the ASOF join.
with used as (
    select distinct booked_on, currency, rate_date
    from {{ ref('payments_eur') }}
    where rate_source <> 'identity'
)

select used.booked_on, used.currency, used.rate_date as used, rates.rate_date as available
from used
join {{ ref('stg_fx_rates') }} as rates
    on rates.currency = used.currency
    and rates.rate_date <= used.booked_on
    and used.booked_on - rates.rate_date <= {{ var("fx_max_age_days") }}
    and (used.rate_date is null or rates.rate_date > used.rate_date)
