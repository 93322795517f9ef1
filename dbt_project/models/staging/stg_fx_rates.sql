select
    currency,
    rate_date,
    rate,
    _batch,
    _line
from {{ source('raw', 'fx_rates') }}
-- The ECB sends days without a quotation as empty observations: nothing was published, so the
-- last rate before stays in force.
where rate is not null
