{% snapshot customers_history %}
-- What is personal beyond the pseudonym stays in staging: no name, address or day of birth is kept
-- once the customer system has forgotten it.
select
    customer_id,
    updated_at,
    segment,
    kyc_level,
    credit_limit_eur,
    country,
    birth_year
from {{ ref('stg_customers') }}
{% endsnapshot %}
