select
    merchant_id,
    legal_name,
    mcc,
    country,
    iban,
    onboarded_on,
    risk_tier,
    updated_at,
    _batch,
    _line
from {{ source('raw', 'merchants') }}
