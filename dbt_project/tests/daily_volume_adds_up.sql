-- Volumes, counts and unconverted payments by corridor add up to the payments of the day.
with volumes as (
    select
        booked_on,
        sum(volume_eur) as volume_eur,
        sum(payments) as payments,
        sum(unconverted_payments) as unconverted_payments
    from {{ ref('daily_corridor_volume') }}
    group by booked_on
),

payments as (
    select
        booked_on,
        coalesce(sum(amount_eur), 0) as volume_eur,
        count(*) as payments,
        sum(case when amount_eur is null then 1 else 0 end) as unconverted_payments
    from {{ ref('payments_eur') }}
    where status <> 'failed'
    group by booked_on
)

select
    booked_on,
    volumes.volume_eur as reported_eur,
    payments.volume_eur as expected_eur,
    volumes.payments as reported_payments,
    payments.payments as expected_payments
from volumes
full join payments using (booked_on)
where volumes.volume_eur is distinct from payments.volume_eur
    or volumes.payments is distinct from payments.payments
    or volumes.unconverted_payments is distinct from payments.unconverted_payments
