{% snapshot merchants_history %}
select
    merchant_id,
    updated_at,
    mcc,
    country,
    risk_tier
from {{ ref('stg_merchants') }}
{% endsnapshot %}
