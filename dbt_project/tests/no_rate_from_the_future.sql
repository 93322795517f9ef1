-- No payment is converted at a rate published after its booking date.
select payment_id, booked_on, rate_date
from {{ ref('payments_eur') }}
where rate_date > booked_on
