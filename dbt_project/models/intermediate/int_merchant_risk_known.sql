-- What a merchant's category was on each Monday, from the version that was valid before it began.
with mondays as (

    select distinct merchant_id, {{ known_from('booked_on') }} as monday
    from {{ ref('daily_merchant_volume') }}

)

select
    mondays.merchant_id,
    mondays.monday,
    {{ is_high_risk('versions.mcc') }} as is_high_risk_mcc
from mondays
join {{ ref('merchants_history') }} as versions
    on versions.merchant_id = mondays.merchant_id
    and versions.dbt_valid_from < {{ day_begins('mondays.monday') }}
    and coalesce(versions.dbt_valid_to, 'infinity') >= {{ day_begins('mondays.monday') }}
