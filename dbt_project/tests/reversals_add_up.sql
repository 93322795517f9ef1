-- No refund or chargeback is lost or counted twice: what is netted against payments and what is
-- listed as unmatched are, by kind and currency, all that the processor reported.
with reported as (
    select 'refund' as kind, currency, count(*) as reversals, sum(amount) as amount
    from {{ ref('stg_refunds') }}
    group by currency
    union all
    select 'chargeback', currency, count(*), sum(amount)
    from {{ ref('stg_chargebacks') }}
    group by currency
),

accounted as (
    select kind, currency, sum(reversals) as reversals, sum(amount) as amount
    from (
        select 'refund' as kind, currency, sum(refunds) as reversals, sum(refunded) as amount
        from {{ ref('payments_net') }}
        where refunds > 0
        group by currency
        union all
        select 'chargeback', currency, sum(chargebacks), sum(charged_back)
        from {{ ref('payments_net') }}
        where chargebacks > 0
        group by currency
        union all
        select kind, currency, count(*), sum(amount)
        from {{ ref('unmatched_reversals') }}
        group by kind, currency
    ) as parts
    group by kind, currency
)

select
    kind,
    currency,
    reported.reversals as reported,
    accounted.reversals as accounted,
    reported.amount as reported_amount,
    accounted.amount as accounted_amount
from reported
full join accounted using (kind, currency)
where reported.reversals is distinct from accounted.reversals
    or reported.amount is distinct from accounted.amount
