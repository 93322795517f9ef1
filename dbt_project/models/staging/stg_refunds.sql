select
    refund_id,
    payment_id,
    created_at,
    updated_at,
    amount,
    currency,
    reason,
    status,
    _batch,
    _line
from {{ source('raw', 'refunds') }}
