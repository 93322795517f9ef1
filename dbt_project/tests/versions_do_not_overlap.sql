-- A customer is one thing at a time: a version ends before the next one begins, and only the last
-- one may be valid still.
select customer_id, version, valid_to, next_from
from (
    select
        customer_id,
        version,
        valid_to,
        lead(valid_from) over (partition by customer_id order by version) as next_from
    from {{ ref('customers') }}
)
where next_from < valid_to or (valid_to is null and next_from is not null)
