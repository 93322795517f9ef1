with needed as (

    select distinct booked_on, currency
    from {{ ref('stg_payments') }}

),

published as (

    -- The last publication on or before the booking date.
    select needed.booked_on, needed.currency, rates.rate, rates.rate_date
    from needed
    asof left join {{ ref('stg_fx_rates') }} as rates
        on needed.currency = rates.currency
        and needed.booked_on >= rates.rate_date

),

sourced as (

    select
        *,
        case
            when currency = 'EUR' then 'identity'
            when booked_on - rate_date <= {{ var("fx_max_age_days") }} then 'ecb'
            else 'none'
        end as rate_source
    from published

)

select
    booked_on,
    currency,
    rate_source,
    cast(case rate_source when 'identity' then 1 when 'ecb' then rate end as decimal(18, 6)) as rate,
    case rate_source when 'ecb' then rate_date end as rate_date
from sourced
