-- Merchants that are listed and merchants that were paid are all there, and nothing of what they
-- were paid is missing.
select merchant_id, merchants.payments as reported, expected.payments as expected
from (
    select merchant_id, coalesce(payments, 0) as payments, coalesce(volume_eur, 0) as volume_eur
    from (select merchant_id from {{ ref('stg_merchants') }}) as listed
    full join (
        select merchant_id, sum(payments) as payments, sum(volume_eur) as volume_eur
        from {{ ref('daily_merchant_volume') }}
        group by merchant_id
    ) as paid using (merchant_id)
) as expected
full join {{ ref('merchants') }} as merchants using (merchant_id)
where merchants.payments is distinct from expected.payments
    or merchants.volume_eur is distinct from expected.volume_eur
