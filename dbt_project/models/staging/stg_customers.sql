select
    customer_id,
    updated_at,
    name,
    email,
    born_on,
    cast(year(born_on) as integer) as birth_year,
    segment,
    kyc_level,
    credit_limit_eur,
    street,
    postal_code,
    city,
    country,
    _batch,
    _line
from {{ source('raw', 'customers') }}
