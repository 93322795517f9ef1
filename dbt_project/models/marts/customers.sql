with versions as (

    select
        *,
        row_number() over in_order as version,
        lead(dbt_valid_from) over in_order as followed_by,
        max(greatest(dbt_valid_from, dbt_valid_to)) over (
            in_order rows between unbounded preceding and 1 preceding
        ) as ended_before
    from {{ ref('customers_history') }}
    window in_order as (
        -- By when they ended: who comes back from a backup brings an older moment of change along.
        partition by customer_id order by dbt_valid_to nulls last, dbt_valid_from
    )

)

select
    customer_id,
    version,
    -- A customer who was deleted and comes back unchanged brings the old moment of change along:
    -- that version begins where the one before it ended. (DuckDB's greatest ignores NULL.)
    greatest(dbt_valid_from, ended_before) as valid_from,
    case
        -- Never before it began, even if the source's clock is ahead of ours.
        when dbt_valid_to is not null then greatest(dbt_valid_to, dbt_valid_from, ended_before)
    end as valid_to,
    dbt_valid_to is null as is_current,
    dbt_valid_to is not null and followed_by is null as is_deleted,
    segment,
    kyc_level,
    credit_limit_eur,
    country,
    birth_year
from versions
order by customer_id, version
