-- No payment is converted at a rate older than `fx_max_age_days`.
select payment_id, booked_on, rate_date
from {{ ref('payments_eur') }}
where booked_on - rate_date > {{ var("fx_max_age_days") }}
