select
    chargeback_id,
    payment_id,
    opened_at,
    updated_at,
    resolved_at,
    amount,
    currency,
    network,
    reason_code,
    status,
    _batch,
    _line
from {{ source('raw', 'chargebacks') }}
