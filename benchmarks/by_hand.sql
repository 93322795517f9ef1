-- The reference platform's tables in plain DuckDB, as fast as plain DuckDB is. Nothing is checked:
-- a value that cannot be read stops the script, and everything else is believed.
--
-- by_hand.py has attached the lake as `lake`, made it the default, and set the variables.

CREATE SCHEMA raw;
CREATE SCHEMA intermediate;
CREATE SCHEMA marts;
CREATE SCHEMA snapshots;

-- Raw tables ---------------------------------------------------------------------------------------

CREATE TABLE raw.payments AS
SELECT * FROM read_csv(
    getvariable('landing') || '/payments/*.csv*',
    header = true, delim = ',', quote = '"', escape = '"', union_by_name = true,
    types = {
        payment_id: 'VARCHAR', booked_at: 'TIMESTAMPTZ', settled_at: 'TIMESTAMPTZ',
        amount: 'DECIMAL(18,2)', currency: 'VARCHAR', debtor_iban: 'VARCHAR',
        creditor_iban: 'VARCHAR', merchant_id: 'VARCHAR', customer_id: 'VARCHAR',
        status: 'VARCHAR', description: 'VARCHAR', channel: 'VARCHAR'
    }
);

CREATE TABLE raw.fx_rates AS
SELECT CURRENCY AS currency, TIME_PERIOD AS rate_date, OBS_VALUE AS rate
FROM read_csv(
    getvariable('answers') || '/rates.csv',
    header = true,
    types = {CURRENCY: 'VARCHAR', TIME_PERIOD: 'DATE', OBS_VALUE: 'DECIMAL(18,6)'}
);

CREATE TABLE raw.customers AS
SELECT * EXCLUDE (address), address.*
FROM read_json(
    getvariable('landing') || '/customers/*.ndjson',
    format = 'newline_delimited',
    columns = {
        customer_id: 'VARCHAR', updated_at: 'TIMESTAMPTZ', name: 'VARCHAR', email: 'VARCHAR',
        born_on: 'DATE', segment: 'VARCHAR', kyc_level: 'VARCHAR',
        credit_limit_eur: 'DECIMAL(18,2)',
        address: 'STRUCT(street VARCHAR, postal_code VARCHAR, city VARCHAR, country VARCHAR)'
    }
);

CREATE TABLE raw.merchants AS
FROM read_parquet(getvariable('landing') || '/merchants/*.parquet');

CREATE TABLE raw.refunds AS
SELECT refund.*
FROM (
    SELECT unnest(data) AS refund
    FROM read_json(
        getvariable('answers') || '/refunds_*.json',
        columns = {
            data: 'STRUCT(refund_id VARCHAR, payment_id VARCHAR, created_at TIMESTAMPTZ,
                updated_at TIMESTAMPTZ, amount DECIMAL(18,2), currency VARCHAR, reason VARCHAR,
                status VARCHAR)[]'
        }
    )
);

CREATE TABLE raw.chargebacks AS
SELECT chargeback.*
FROM (
    SELECT unnest(data) AS chargeback
    FROM read_json(
        getvariable('answers') || '/chargebacks_*.json',
        columns = {
            data: 'STRUCT(chargeback_id VARCHAR, payment_id VARCHAR, opened_at TIMESTAMPTZ,
                updated_at TIMESTAMPTZ, resolved_at TIMESTAMPTZ, amount DECIMAL(18,2),
                currency VARCHAR, network VARCHAR, reason_code VARCHAR, status VARCHAR)[]'
        }
    )
);

CREATE TABLE raw.mcc_codes AS
SELECT MCC AS mcc, DESCRIPTION AS description
FROM read_csv(
    getvariable('reference') || '/iso18245_mcc.csv',
    header = true, delim = ',', quote = '"', escape = '"', all_varchar = true
);

CREATE TABLE raw.german_credit AS
SELECT row_number() OVER () AS record_no, *
FROM read_csv(
    getvariable('reference') || '/german.data',
    header = false, delim = ' ', auto_detect = false,
    columns = {
        checking_status: 'VARCHAR', duration_months: 'BIGINT', credit_history: 'VARCHAR',
        purpose: 'VARCHAR', credit_amount: 'BIGINT', savings: 'VARCHAR', employment: 'VARCHAR',
        installment_rate: 'BIGINT', personal_status_sex: 'VARCHAR', other_debtors: 'VARCHAR',
        residence_since: 'BIGINT', property: 'VARCHAR', age_years: 'BIGINT',
        other_installment_plans: 'VARCHAR', housing: 'VARCHAR', existing_credits: 'BIGINT',
        job: 'VARCHAR', liable_people: 'BIGINT', telephone: 'VARCHAR', foreign_worker: 'VARCHAR',
        label: 'BIGINT'
    }
);

CREATE TABLE raw.taiwan_credit AS
SELECT
    id::BIGINT AS client_id,
    limit_bal::DECIMAL(18,2) AS limit_bal,
    sex::BIGINT AS sex,
    age::BIGINT AS age,
    COLUMNS('^pay_[0-9]$')::BIGINT,
    COLUMNS('^bill_amt[0-9]$')::DECIMAL(18,2),
    COLUMNS('^pay_amt[0-9]$')::DECIMAL(18,2),
    defaultpaymentnextmonth::BIGINT AS default_next_month,
    COLUMNS('^education_[0-9]$')::BIGINT,
    COLUMNS('^marriage_[0-9]$')::BIGINT
FROM read_csv(
    getvariable('reference') || '/taiwan_credit_default.csv',
    header = true, all_varchar = true, normalize_names = true
);

-- History: of a first run, what there is ----------------------------------------------------------

CREATE TABLE snapshots.customers_history AS
SELECT
    customer_id, updated_at, segment, kyc_level, credit_limit_eur, country,
    CAST(year(born_on) AS INTEGER) AS birth_year
FROM raw.customers;

CREATE TABLE snapshots.merchants_history AS
SELECT merchant_id, updated_at, mcc, country, risk_tier FROM raw.merchants;

CREATE TABLE marts.customers AS
SELECT
    customer_id,
    1::BIGINT AS version,
    updated_at AS valid_from,
    NULL::TIMESTAMPTZ AS valid_to,
    true AS is_current,
    false AS is_deleted,
    segment, kyc_level, credit_limit_eur, country, birth_year
FROM snapshots.customers_history;

-- Payments in euro ---------------------------------------------------------------------------------

CREATE TEMP MACRO business_day(moment) AS CAST(moment AT TIME ZONE 'Europe/Berlin' AS DATE);
CREATE TEMP MACRO day_begins(day) AS CAST(day AS TIMESTAMP) AT TIME ZONE 'Europe/Berlin';
CREATE TEMP MACRO monday_after(day) AS day + CAST(8 - isodow(day) AS INTEGER);
CREATE TEMP MACRO high_risk(mcc) AS
    mcc IN ('4829', '5962', '5966', '5967', '6051', '7273', '7995');

-- Half a cent goes up: whole numbers, because DECIMAL / DECIMAL is a division of doubles.
CREATE TEMP MACRO to_eur(amount, rate) AS CAST(
    0.01 * ((2000000 * CAST(amount * 100 AS BIGINT) + CAST(rate * 1000000 AS BIGINT))
        // (2 * CAST(rate * 1000000 AS BIGINT)))
    AS DECIMAL(18,2)
);

CREATE TABLE intermediate.int_rates_in_force AS
WITH needed AS (
    SELECT DISTINCT business_day(booked_at) AS booked_on, currency FROM raw.payments
),
found AS (
    SELECT
        needed.booked_on, needed.currency, rate, rate_date,
        CASE
            WHEN needed.currency = 'EUR' THEN 'identity'
            WHEN needed.booked_on - rate_date <= 7 THEN 'ecb'
            ELSE 'none'
        END AS rate_source
    FROM needed
    ASOF LEFT JOIN (FROM raw.fx_rates WHERE rate IS NOT NULL) AS rates
        ON needed.currency = rates.currency AND needed.booked_on >= rates.rate_date
)
SELECT
    booked_on, currency, rate_source,
    CAST(CASE rate_source WHEN 'identity' THEN 1 WHEN 'ecb' THEN rate END AS DECIMAL(18,6)) AS rate,
    CASE rate_source WHEN 'ecb' THEN rate_date END AS rate_date
FROM found;

CREATE TABLE marts.payments_eur AS
SELECT
    payment_id, booked_at, rates.booked_on, settled_at, status, channel, merchant_id, customer_id,
    left(debtor_iban, 2) AS debtor_country,
    left(creditor_iban, 2) AS creditor_country,
    left(debtor_iban, 2) || '-' || left(creditor_iban, 2) AS corridor,
    amount, payments.currency, rate, rate_date, rate_source,
    to_eur(amount, rate) AS amount_eur
FROM raw.payments
JOIN intermediate.int_rates_in_force AS rates
    ON business_day(booked_at) = rates.booked_on AND payments.currency = rates.currency;

CREATE TABLE marts.fx_coverage AS
SELECT
    booked_on, currency,
    count(*) AS payments,
    count(amount_eur) AS converted_payments,
    count(*) - count(amount_eur) AS unconverted_payments,
    count(amount_eur) / count(*) AS converted_share,
    any_value(rate_source) AS rate_source,
    any_value(rate_date) AS rate_date,
    booked_on - any_value(rate_date) AS rate_age_days
FROM marts.payments_eur
GROUP BY booked_on, currency;

-- What goes back -----------------------------------------------------------------------------------

CREATE TABLE intermediate.int_reversals AS
WITH reversals AS (
    SELECT
        'refund' AS kind, refund_id AS reversal_id, payment_id, created_at AS asked_at,
        NULL::TIMESTAMPTZ AS resolved_at, amount, currency, status, status <> 'failed' AS takes
    FROM raw.refunds
    UNION ALL
    SELECT
        'chargeback', chargeback_id, payment_id, opened_at, resolved_at, amount, currency, status,
        status <> 'won'
    FROM raw.chargebacks
),
matched AS (
    SELECT
        reversals.*, paid.booked_at, paid.merchant_id, paid.customer_id, paid.rate,
        CASE
            WHEN paid.payment_id IS NULL THEN 'payment_unknown'
            WHEN paid.status = 'failed' THEN 'payment_failed'
            WHEN reversals.currency <> paid.currency THEN 'other_currency'
            WHEN asked_at < booked_at THEN 'before_payment'
            ELSE 'matched'
        END AS match_status
    FROM reversals
    LEFT JOIN marts.payments_eur AS paid USING (payment_id)
)
SELECT
    kind, reversal_id, payment_id, asked_at, resolved_at, status, amount, currency, booked_at,
    merchant_id, customer_id, match_status,
    takes AND match_status = 'matched' AS is_netted,
    if(takes, match_status, kind || '_' || status) AS reason,
    rate,
    CASE WHEN match_status = 'matched' THEN to_eur(amount, rate) END AS amount_eur
FROM matched;

CREATE TABLE marts.unmatched_reversals AS
SELECT
    kind, reversal_id, payment_id, reason, asked_at, status, amount, currency, booked_at, merchant_id
FROM intermediate.int_reversals
WHERE NOT is_netted;

CREATE TABLE marts.payments_net AS
WITH given_back AS (
    SELECT
        payment_id,
        count(*) FILTER (kind = 'refund') AS refunds,
        count(*) FILTER (kind = 'chargeback') AS chargebacks,
        coalesce(sum(amount) FILTER (kind = 'refund'), 0)::DECIMAL(18,2) AS refunded,
        sum(amount)::DECIMAL(18,2) AS total,
        any_value(rate) AS rate
    FROM intermediate.int_reversals
    WHERE is_netted
    GROUP BY payment_id
),
net AS (
    SELECT
        paid.*,
        coalesce(refunds, 0) AS refunds,
        coalesce(chargebacks, 0) AS chargebacks,
        coalesce(refunded, 0)::DECIMAL(18,2) AS refunded,
        coalesce(total - refunded, 0)::DECIMAL(18,2) AS charged_back,
        -- No euro amount, no euro reversal; both are rounded once, so that all of it nets to zero.
        if(amount_eur IS NULL, NULL, coalesce(to_eur(refunded, back.rate), 0))::DECIMAL(18,2)
            AS refunded_eur,
        if(amount_eur IS NULL, NULL,
            coalesce(to_eur(total, back.rate) - to_eur(refunded, back.rate), 0))::DECIMAL(18,2)
            AS charged_back_eur
    FROM marts.payments_eur AS paid
    LEFT JOIN given_back AS back USING (payment_id)
)
SELECT
    payment_id, booked_on, status, channel, merchant_id, customer_id, corridor, currency, amount,
    refunded, charged_back,
    (amount - refunded - charged_back)::DECIMAL(18,2) AS net,
    amount_eur, refunded_eur, charged_back_eur,
    (amount_eur - refunded_eur - charged_back_eur)::DECIMAL(18,2) AS net_eur,
    refunds, chargebacks,
    refunded > amount AS is_over_refunded,
    refunded + charged_back > amount AS is_over_reversed
FROM net;

-- Volumes ------------------------------------------------------------------------------------------

CREATE TABLE marts.daily_corridor_volume AS
SELECT
    booked_on, corridor,
    count(*) AS payments,
    coalesce(sum(amount_eur), 0)::DECIMAL(18,2) AS volume_eur,
    count(*) - count(amount_eur) AS unconverted_payments,
    coalesce(sum(refunded_eur), 0)::DECIMAL(18,2) AS refunded_eur,
    coalesce(sum(charged_back_eur), 0)::DECIMAL(18,2) AS charged_back_eur,
    coalesce(sum(net_eur), 0)::DECIMAL(18,2) AS net_eur
FROM marts.payments_net
WHERE status <> 'failed'
GROUP BY ALL;

CREATE TABLE marts.daily_merchant_volume AS
SELECT
    booked_on, merchant_id,
    count(*) FILTER (status <> 'failed') AS payments,
    count(*) FILTER (status = 'failed') AS failed_payments,
    count(*) FILTER (status <> 'failed' AND amount_eur IS NULL) AS unconverted_payments,
    count(*) FILTER (status <> 'failed' AND channel IS NOT NULL) AS payments_with_channel,
    count(*) FILTER (status <> 'failed' AND channel = 'moto') AS moto_payments,
    count(*) FILTER (refunds > 0) AS refunded_payments,
    coalesce(sum(amount_eur) FILTER (status <> 'failed'), 0)::DECIMAL(18,2) AS volume_eur,
    coalesce(sum(refunded_eur), 0)::DECIMAL(18,2) AS refunded_eur,
    coalesce(sum(charged_back_eur), 0)::DECIMAL(18,2) AS charged_back_eur,
    coalesce(sum(net_eur) FILTER (status <> 'failed'), 0)::DECIMAL(18,2) AS net_eur
FROM marts.payments_net
GROUP BY ALL;

-- Merchants ----------------------------------------------------------------------------------------

CREATE TABLE intermediate.int_merchant_risk_known AS
SELECT seen.merchant_id, monday, high_risk(mcc) AS is_high_risk_mcc
FROM (
    SELECT DISTINCT merchant_id, monday_after(booked_on) AS monday FROM marts.daily_merchant_volume
) AS seen
JOIN snapshots.merchants_history AS known
    ON known.merchant_id = seen.merchant_id AND updated_at < day_begins(monday);

CREATE TABLE marts.merchants AS
WITH active AS (
    SELECT
        merchant_id,
        min(booked_on) AS first_payment_on,
        max(booked_on) AS last_payment_on,
        sum(COLUMNS(
            'payments|failed_payments|unconverted_payments|payments_with_channel|moto_payments'
            || '|refunded_payments|volume_eur|refunded_eur|charged_back_eur'
        ))
    FROM marts.daily_merchant_volume
    GROUP BY merchant_id
),
disputed AS (
    SELECT merchant_id, count(*) AS chargebacks
    FROM intermediate.int_reversals
    WHERE kind = 'chargeback' AND match_status = 'matched'
    GROUP BY merchant_id
)
SELECT
    coalesce(listed.merchant_id, active.merchant_id) AS merchant_id,
    listed.merchant_id IS NOT NULL AS is_known,
    legal_name, country, risk_tier, onboarded_on,
    greatest(
        date_sub('month', onboarded_on, (SELECT max(booked_on) FROM marts.daily_merchant_volume)), 0
    ) AS months_on_book,
    listed.mcc,
    description AS mcc_description,
    codes.mcc IS NOT NULL AS mcc_is_listed,
    CASE WHEN codes.mcc IS NOT NULL THEN high_risk(listed.mcc) END AS is_high_risk_mcc,
    first_payment_on, last_payment_on,
    coalesce(payments, 0)::BIGINT AS payments,
    coalesce(failed_payments, 0)::BIGINT AS failed_payments,
    coalesce(unconverted_payments, 0)::BIGINT AS unconverted_payments,
    coalesce(refunded_payments, 0)::BIGINT AS refunded_payments,
    coalesce(chargebacks, 0) AS chargebacks,
    coalesce(volume_eur, 0)::DECIMAL(18,2) AS volume_eur,
    coalesce(refunded_eur, 0)::DECIMAL(18,2) AS refunded_eur,
    coalesce(charged_back_eur, 0)::DECIMAL(18,2) AS charged_back_eur,
    failed_payments::DOUBLE / nullif((payments + failed_payments)::DOUBLE, 0) AS failed_share,
    moto_payments::DOUBLE / nullif(payments_with_channel::DOUBLE, 0) AS moto_share,
    refunded_payments::DOUBLE / nullif(payments::DOUBLE, 0) AS refund_rate,
    refunded_eur::DOUBLE / nullif(volume_eur::DOUBLE, 0) AS refund_volume_rate,
    coalesce(chargebacks, 0)::DOUBLE / nullif(payments::DOUBLE, 0) AS chargeback_rate,
    charged_back_eur::DOUBLE / nullif(volume_eur::DOUBLE, 0) AS chargeback_volume_rate
FROM raw.merchants AS listed
FULL JOIN active ON listed.merchant_id = active.merchant_id
LEFT JOIN disputed ON disputed.merchant_id = active.merchant_id
LEFT JOIN raw.mcc_codes AS codes ON listed.mcc = codes.mcc;

-- Credit features: what was known of a customer on every Monday ------------------------------------

CREATE TABLE intermediate.int_customer_weeks AS
WITH booked AS (
    SELECT
        customer_id,
        monday_after(booked_on) AS monday,
        count(*) FILTER (status <> 'failed') AS payments,
        count(*) FILTER (status = 'failed') AS failed_payments,
        count(*) FILTER (status <> 'failed' AND is_high_risk_mcc) AS high_risk_payments,
        sum(amount_eur) FILTER (status <> 'failed') AS volume_eur,
        min(booked_on) AS first_booked_on,
        max(booked_on) AS last_booked_on
    FROM marts.payments_eur AS paid
    LEFT JOIN intermediate.int_merchant_risk_known AS risk
        ON risk.merchant_id = paid.merchant_id AND risk.monday = monday_after(booked_on)
    GROUP BY ALL
),
settled AS (
    SELECT customer_id, monday_after(business_day(settled_at)) AS monday, count(*) AS settled_payments
    FROM marts.payments_eur
    WHERE settled_at IS NOT NULL AND status <> 'failed'
    GROUP BY ALL
),
asked AS (
    SELECT
        customer_id,
        monday_after(business_day(asked_at)) AS monday,
        count(*) FILTER (kind = 'refund') AS refunds,
        sum(amount_eur) FILTER (kind = 'refund') AS refunded_eur,
        count(*) FILTER (kind = 'chargeback') AS chargebacks
    FROM intermediate.int_reversals
    WHERE booked_at <= asked_at
    GROUP BY ALL
),
lost AS (
    SELECT
        customer_id,
        monday_after(business_day(resolved_at)) AS monday,
        count(*) AS chargebacks_lost
    FROM intermediate.int_reversals
    WHERE kind = 'chargeback' AND status = 'lost' AND booked_at <= asked_at
    GROUP BY ALL
)
SELECT
    customer_id, monday,
    coalesce(payments, 0) AS payments,
    coalesce(failed_payments, 0) AS failed_payments,
    coalesce(high_risk_payments, 0) AS high_risk_payments,
    coalesce(volume_eur, 0)::DECIMAL(18,2) AS volume_eur,
    first_booked_on, last_booked_on,
    coalesce(settled_payments, 0) AS settled_payments,
    coalesce(refunds, 0) AS refunds,
    coalesce(refunded_eur, 0)::DECIMAL(18,2) AS refunded_eur,
    coalesce(chargebacks, 0) AS chargebacks,
    coalesce(chargebacks_lost, 0) AS chargebacks_lost
FROM booked
FULL JOIN settled USING (customer_id, monday)
FULL JOIN asked USING (customer_id, monday)
FULL JOIN lost USING (customer_id, monday);

CREATE TABLE marts.customer_credit_features AS
WITH span AS (
    SELECT min(booked_on) AS first_day, max(booked_on) AS last_day FROM marts.daily_merchant_volume
),
mondays AS (
    SELECT
        monday::DATE AS monday,
        least(monday::DATE - first_day, 28)::BIGINT AS observed_days,
        -- The first one with a whole week behind it.
        monday::DATE >= first_day + ((8 - isodow(first_day)) % 7 + 7)::INTEGER AS is_as_of
    FROM span, generate_series(
        monday_after(first_day)::TIMESTAMP, (last_day + 1)::TIMESTAMP, INTERVAL 7 DAYS
    ) AS series(monday)
),
customers AS (
    SELECT customer_id, min(monday) AS first_monday, min(first_booked_on) AS first_booked_on
    FROM intermediate.int_customer_weeks
    WHERE first_booked_on IS NOT NULL
    GROUP BY customer_id
),
weeks AS (
    SELECT
        customers.customer_id, customers.first_booked_on, mondays.*,
        known.* EXCLUDE (customer_id, monday, first_booked_on)
    FROM customers
    JOIN mondays ON monday >= first_monday
    LEFT JOIN intermediate.int_customer_weeks AS known
        ON known.customer_id = customers.customer_id AND known.monday = mondays.monday
),
merchants AS (
    SELECT customer_id, mondays.monday, count(DISTINCT merchant_id) AS merchants
    FROM (
        SELECT DISTINCT customer_id, merchant_id, monday_after(booked_on) AS week
        FROM marts.payments_eur
        WHERE status <> 'failed'
    )
    JOIN mondays ON mondays.monday BETWEEN week AND week + 21
    GROUP BY ALL
),
sums AS (
    SELECT
        customer_id, monday, is_as_of, observed_days, first_booked_on,
        coalesce(payments, 0) AS payments_7d,
        coalesce(volume_eur, 0) AS volume_eur_7d,
        sum(payments) OVER month AS payments_28d,
        sum(volume_eur) OVER month AS volume_eur_28d,
        sum(failed_payments) OVER month AS failed_28d,
        sum(high_risk_payments) OVER month AS high_risk_28d,
        sum(payments) OVER life - sum(settled_payments) OVER life AS unsettled,
        sum(refunds) OVER month AS refunds_28d,
        sum(refunded_eur) OVER month AS refunded_eur_28d,
        sum(chargebacks) OVER life AS chargebacks,
        sum(chargebacks_lost) OVER life AS chargebacks_lost,
        max(last_booked_on) OVER life AS last_booked_on
    FROM weeks
    WINDOW
        life AS (PARTITION BY customer_id ORDER BY monday),
        month AS (PARTITION BY customer_id ORDER BY monday ROWS 3 PRECEDING)
)
SELECT
    customer_id,
    day_begins(monday) AS as_of,
    observed_days,
    payments_7d,
    volume_eur_7d::DECIMAL(18,2) AS volume_eur_7d,
    coalesce(payments_28d, 0)::BIGINT AS payments_28d,
    coalesce(volume_eur_28d, 0)::DECIMAL(18,2) AS volume_eur_28d,
    failed_28d::DOUBLE / nullif((payments_28d + failed_28d)::DOUBLE, 0) AS failed_share_28d,
    coalesce(merchants, 0) AS merchants_28d,
    high_risk_28d::DOUBLE / nullif(payments_28d::DOUBLE, 0) AS high_risk_share_28d,
    coalesce(unsettled, 0)::BIGINT AS unsettled_payments,
    coalesce(refunds_28d, 0)::BIGINT AS refunds_28d,
    coalesce(refunded_eur_28d, 0)::DECIMAL(18,2) AS refunded_eur_28d,
    coalesce(chargebacks, 0)::BIGINT AS chargebacks,
    coalesce(chargebacks_lost, 0)::BIGINT AS chargebacks_lost,
    monday - first_booked_on AS days_since_first_payment,
    monday - last_booked_on AS days_since_last_payment,
    known.customer_id IS NOT NULL AS is_known,
    segment, kyc_level, credit_limit_eur, country,
    (year(monday) - birth_year)::BIGINT AS age_years
FROM sums
LEFT JOIN merchants USING (customer_id, monday)
LEFT JOIN marts.customers AS known
    ON known.customer_id = sums.customer_id AND valid_from < day_begins(monday)
WHERE is_as_of;
