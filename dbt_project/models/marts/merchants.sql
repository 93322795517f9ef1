with activity as (

    -- A row a day and merchant instead of one a payment.
    select
        merchant_id,
        min(booked_on) as first_payment_on,
        max(booked_on) as last_payment_on,
        sum(payments) as payments,
        sum(failed_payments) as failed_payments,
        sum(unconverted_payments) as unconverted_payments,
        sum(payments_with_channel) as payments_with_channel,
        sum(moto_payments) as moto_payments,
        sum(refunded_payments) as refunded_payments,
        sum(volume_eur) as volume_eur,
        sum(refunded_eur) as refunded_eur,
        sum(charged_back_eur) as charged_back_eur
    from {{ ref('daily_merchant_volume') }}
    group by merchant_id

),

disputes as (

    -- Won ones too: card networks count what was opened.
    select merchant_id, count(*) as chargebacks
    from {{ ref('int_reversals') }}
    where kind = 'chargeback' and match_status = 'matched'
    group by merchant_id

),

calendar as (

    select max(booked_on) as last_day from {{ ref('daily_merchant_volume') }}

)

select
    -- Merchants of payments that are in no list are here too, and so are those without a payment.
    coalesce(listed.merchant_id, activity.merchant_id) as merchant_id,
    listed.merchant_id is not null as is_known,
    listed.legal_name,
    listed.country,
    listed.risk_tier,
    listed.onboarded_on,
    case
        when listed.onboarded_on <= calendar.last_day
            then date_sub('month', listed.onboarded_on, calendar.last_day)
    end as months_on_book,
    listed.mcc,
    codes.description as mcc_description,
    codes.mcc is not null as mcc_is_listed,
    case
        when codes.mcc is not null then {{ is_high_risk('listed.mcc') }}
    end as is_high_risk_mcc,
    activity.first_payment_on,
    activity.last_payment_on,
    cast(coalesce(activity.payments, 0) as bigint) as payments,
    cast(coalesce(activity.failed_payments, 0) as bigint) as failed_payments,
    cast(coalesce(activity.unconverted_payments, 0) as bigint) as unconverted_payments,
    cast(coalesce(activity.refunded_payments, 0) as bigint) as refunded_payments,
    coalesce(disputes.chargebacks, 0) as chargebacks,
    cast(coalesce(activity.volume_eur, 0) as decimal(18, 2)) as volume_eur,
    cast(coalesce(activity.refunded_eur, 0) as decimal(18, 2)) as refunded_eur,
    cast(coalesce(activity.charged_back_eur, 0) as decimal(18, 2)) as charged_back_eur,
    -- Shares are NULL where there is nothing to take a share of.
    {{ share('activity.failed_payments', 'activity.payments + activity.failed_payments') }}
        as failed_share,
    {{ share('activity.moto_payments', 'activity.payments_with_channel') }} as moto_share,
    {{ share('activity.refunded_payments', 'activity.payments') }} as refund_rate,
    {{ share('activity.refunded_eur', 'activity.volume_eur') }} as refund_volume_rate,
    {{ share('coalesce(disputes.chargebacks, 0)', 'activity.payments') }} as chargeback_rate,
    {{ share('activity.charged_back_eur', 'activity.volume_eur') }} as chargeback_volume_rate
from {{ ref('stg_merchants') }} as listed
full join activity on listed.merchant_id = activity.merchant_id
left join disputes on disputes.merchant_id = activity.merchant_id
left join {{ ref('stg_mcc_codes') }} as codes on listed.mcc = codes.mcc
cross join calendar
order by merchant_id
