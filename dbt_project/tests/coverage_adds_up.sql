-- Converted and unconverted payments are, by day and currency, those that there are.
with payments as (
    select
        booked_on,
        currency,
        count(*) as payments,
        count(*) filter (where rate_source <> 'none') as converted_payments
    from {{ ref('payments_eur') }}
    group by booked_on, currency
)

select
    booked_on,
    currency,
    coverage.payments as reported,
    payments.payments as expected
from {{ ref('fx_coverage') }} as coverage
full join payments using (booked_on, currency)
where coverage.payments is distinct from payments.payments
    or coverage.converted_payments is distinct from payments.converted_payments
