-- EUR, and only EUR, is taken over unconverted.
select payment_id, currency, amount, rate_source, amount_eur
from {{ ref('payments_eur') }}
where (currency = 'EUR') <> (rate_source = 'identity')
    or (rate_source = 'identity' and (rate <> 1 or amount_eur <> amount))
