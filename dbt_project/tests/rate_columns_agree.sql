-- rate_source decides which of the other columns are filled: `ecb` has rate, date and amount,
-- `identity` no date, `none` nothing.
select payment_id, rate_source, rate, rate_date, amount_eur
from {{ ref('payments_eur') }}
where (rate is not null) <> (rate_source in ('ecb', 'identity'))
    or (amount_eur is not null) <> (rate_source in ('ecb', 'identity'))
    or (rate_date is not null) <> (rate_source = 'ecb')
