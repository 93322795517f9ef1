-- Failed payments are counted apart and moved no money.
{%- set counts = "status <> 'failed'" %}
select
    booked_on,
    merchant_id,
    count(*) filter (where {{ counts }}) as payments,
    count(*) filter (where not {{ counts }}) as failed_payments,
    count(*) filter (where {{ counts }} and amount_eur is null) as unconverted_payments,
    count(*) filter (where {{ counts }} and channel is not null) as payments_with_channel,
    count(*) filter (where {{ counts }} and channel = 'moto') as moto_payments,
    count(*) filter (where refunds > 0) as refunded_payments,
    cast(coalesce(sum(amount_eur) filter (where {{ counts }}), 0) as decimal(18, 2)) as volume_eur,
    -- Nothing is netted against a failed payment.
    cast(coalesce(sum(refunded_eur), 0) as decimal(18, 2)) as refunded_eur,
    cast(coalesce(sum(charged_back_eur), 0) as decimal(18, 2)) as charged_back_eur,
    cast(coalesce(sum(net_eur) filter (where {{ counts }}), 0) as decimal(18, 2)) as net_eur
from {{ ref('payments_net') }}
group by booked_on, merchant_id
order by booked_on, merchant_id
