select
    payments.payment_id,
    payments.booked_at,
    payments.booked_on,
    payments.settled_at,
    payments.status,
    payments.channel,
    payments.merchant_id,
    payments.customer_id,
    payments.debtor_country,
    payments.creditor_country,
    payments.corridor,
    payments.amount,
    payments.currency,
    rates.rate,
    rates.rate_date,
    rates.rate_source,
    {{ to_eur('payments.amount', 'rates.rate') }} as amount_eur
from {{ ref('stg_payments') }} as payments
-- A left join: a payment without its rate must break the promise of `rate_source`, not vanish.
left join {{ ref('int_rates_in_force') }} as rates
    on payments.booked_on = rates.booked_on
    and payments.currency = rates.currency
