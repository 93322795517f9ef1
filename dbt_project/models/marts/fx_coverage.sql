select
    booked_on,
    currency,
    count(*) as payments,
    count(amount_eur) as converted_payments,
    count(*) - count(amount_eur) as unconverted_payments,
    count(amount_eur) / count(*) as converted_share,
    -- One rate is in force for a currency and a day, so any of them is the one.
    max(rate_source) as rate_source,
    max(rate_date) as rate_date,
    booked_on - max(rate_date) as rate_age_days
from {{ ref('payments_eur') }}
group by booked_on, currency
order by booked_on, currency
