select
    kind,
    reversal_id,
    payment_id,
    reason,
    asked_at,
    status,
    amount,
    currency,
    booked_at,
    merchant_id
from {{ ref('int_reversals') }}
where not is_netted
order by asked_at, kind, reversal_id
