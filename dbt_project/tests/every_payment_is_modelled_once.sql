-- Nothing is lost, invented or multiplied between staging and the mart.
select
    coalesce(staged.payment_id, modelled.payment_id) as payment_id,
    coalesce(staged.copies, 0) as staged,
    coalesce(modelled.copies, 0) as modelled
from (
    select payment_id, count(*) as copies from {{ ref('stg_payments') }} group by payment_id
) as staged
full join (
    select payment_id, count(*) as copies from {{ ref('payments_eur') }} group by payment_id
) as modelled on staged.payment_id is not distinct from modelled.payment_id
where coalesce(staged.copies, 0) <> 1 or coalesce(modelled.copies, 0) <> 1
