-- Converted and unconverted payments add up, by day, to all payments of the day.
with coverage as (
    select
        booked_on,
        sum(payments) as payments,
        sum(converted_payments) as converted_payments,
        sum(unconverted_payments) as unconverted_payments
    from {{ ref('fx_coverage') }}
    group by booked_on
),

payments as (
    select
        booked_on,
        count(*) as payments,
        sum(case when rate_source = 'none' then 0 else 1 end) as converted_payments
    from {{ ref('payments_eur') }}
    group by booked_on
)

select booked_on, coverage.payments as reported, payments.payments as expected
from coverage
full join payments using (booked_on)
where coverage.payments is distinct from payments.payments
    or coverage.converted_payments is distinct from payments.converted_payments
    or coverage.unconverted_payments
        is distinct from payments.payments - payments.converted_payments
