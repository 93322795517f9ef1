-- Every rate used is, to the digit, the one published for that currency and date.
with used as (
    select distinct currency, rate_date, rate
    from {{ ref('payments_eur') }}
    where rate_source = 'ecb'
)

select used.currency, used.rate_date, used.rate
from used
left join {{ ref('stg_fx_rates') }} as rates
    on rates.currency = used.currency and rates.rate_date = used.rate_date
where used.rate is distinct from rates.rate
