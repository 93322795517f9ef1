-- The mart carries every currency's original amounts to the cent.
select
    currency,
    coalesce(staged.total, 0) as staged,
    coalesce(modelled.total, 0) as modelled
from (
    select currency, sum(amount) as total from {{ ref('stg_payments') }} group by currency
) as staged
full join (
    select currency, sum(amount) as total from {{ ref('payments_eur') }} group by currency
) as modelled using (currency)
where staged.total is distinct from modelled.total
