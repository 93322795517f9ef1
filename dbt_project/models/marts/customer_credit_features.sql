with days as (

    select min(booked_on) as first_day, max(booked_on) as last_day
    from {{ ref('daily_merchant_volume') }}

),

mondays as (

    -- The first one has less than a week behind it and gives no features, only what it counts.
    select
        cast(monday as date) as monday,
        cast(monday as date) >= first_day + cast((8 - isodow(first_day)) % 7 + 7 as integer)
            as is_as_of,
        cast(least(cast(monday as date) - first_day, 28) as bigint) as observed_days
    from days,
        generate_series(
            cast({{ known_from('first_day') }} as timestamp),
            cast(last_day + 1 as timestamp),
            interval 7 days
        ) as series(monday)

),

since as (

    select
        customer_id,
        min(monday) as first_monday,
        min(first_booked_on) as first_booked_on
    from {{ ref('int_customer_weeks') }}
    where first_booked_on is not null
    group by customer_id

),

weeks as (

    -- Every Monday of every customer from their first payment on, so that rows are weeks.
    select
        since.customer_id,
        since.first_booked_on,
        mondays.monday,
        mondays.is_as_of,
        mondays.observed_days,
        known.* exclude (customer_id, monday, first_booked_on)
    from since
    join mondays on mondays.monday >= since.first_monday
    left join {{ ref('int_customer_weeks') }} as known
        on known.customer_id = since.customer_id and known.monday = mondays.monday

),

merchants as (

    select paid.customer_id, mondays.monday, count(distinct paid.merchant_id) as merchants
    from (
        select distinct customer_id, merchant_id, {{ known_from('booked_on') }} as monday
        from {{ ref('payments_eur') }}
        where status <> 'failed'
    ) as paid
    join mondays on mondays.monday between paid.monday and paid.monday + 21
    group by paid.customer_id, mondays.monday

),

sums as (

    select
        customer_id,
        monday,
        is_as_of,
        observed_days,
        first_booked_on,
        coalesce(payments, 0) as payments_7d,
        coalesce(volume_eur, 0) as volume_eur_7d,
        sum(payments) over four_weeks as payments_28d,
        sum(volume_eur) over four_weeks as volume_eur_28d,
        sum(failed_payments) over four_weeks as failed_payments_28d,
        sum(high_risk_payments) over four_weeks as high_risk_payments_28d,
        sum(payments) over until_then - sum(settled_payments) over until_then as unsettled_payments,
        sum(refunds) over four_weeks as refunds_28d,
        sum(refunded_eur) over four_weeks as refunded_eur_28d,
        sum(chargebacks) over until_then as chargebacks,
        sum(chargebacks_lost) over until_then as chargebacks_lost,
        max(last_booked_on) over until_then as last_booked_on
    from weeks
    window
        until_then as (
            partition by customer_id order by monday
            rows between unbounded preceding and current row
        ),
        four_weeks as (
            partition by customer_id order by monday rows between 3 preceding and current row
        )

)

select
    sums.customer_id,
    {{ day_begins('sums.monday') }} as as_of,
    sums.observed_days,
    sums.payments_7d,
    cast(sums.volume_eur_7d as decimal(18, 2)) as volume_eur_7d,
    cast(coalesce(sums.payments_28d, 0) as bigint) as payments_28d,
    cast(coalesce(sums.volume_eur_28d, 0) as decimal(18, 2)) as volume_eur_28d,
    {{ share('sums.failed_payments_28d', 'sums.payments_28d + sums.failed_payments_28d') }}
        as failed_share_28d,
    coalesce(merchants.merchants, 0) as merchants_28d,
    {{ share('sums.high_risk_payments_28d', 'sums.payments_28d') }} as high_risk_share_28d,
    cast(coalesce(sums.unsettled_payments, 0) as bigint) as unsettled_payments,
    cast(coalesce(sums.refunds_28d, 0) as bigint) as refunds_28d,
    cast(coalesce(sums.refunded_eur_28d, 0) as decimal(18, 2)) as refunded_eur_28d,
    cast(coalesce(sums.chargebacks, 0) as bigint) as chargebacks,
    cast(coalesce(sums.chargebacks_lost, 0) as bigint) as chargebacks_lost,
    sums.monday - sums.first_booked_on as days_since_first_payment,
    sums.monday - sums.last_booked_on as days_since_last_payment,
    versions.customer_id is not null as is_known,
    versions.segment,
    versions.kyc_level,
    versions.credit_limit_eur,
    versions.country,
    cast(year(sums.monday) - versions.birth_year as bigint) as age_years
from sums
left join merchants
    on merchants.customer_id = sums.customer_id and merchants.monday = sums.monday
-- The version that was valid just before the moment; what ends at it was still valid.
left join {{ ref('customers') }} as versions
    on versions.customer_id = sums.customer_id
    and versions.valid_from < {{ day_begins('sums.monday') }}
    and coalesce(versions.valid_to, 'infinity') >= {{ day_begins('sums.monday') }}
where sums.is_as_of
order by as_of, customer_id
