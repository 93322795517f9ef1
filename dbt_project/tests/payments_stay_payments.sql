-- Netting neither loses nor multiplies a payment, nor touches its amount.
select
    currency,
    gross.payments as payments,
    net.payments as netted,
    gross.amount as amount,
    net.amount as netted_amount
from (
    select currency, count(*) as payments, sum(amount) as amount, sum(amount_eur) as amount_eur
    from {{ ref('payments_eur') }}
    group by currency
) as gross
full join (
    select currency, count(*) as payments, sum(amount) as amount, sum(amount_eur) as amount_eur
    from {{ ref('payments_net') }}
    group by currency
) as net using (currency)
where gross.payments is distinct from net.payments
    or gross.amount is distinct from net.amount
    or gross.amount_eur is distinct from net.amount_eur
