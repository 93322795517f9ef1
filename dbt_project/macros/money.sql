{# An amount in EUR, rounded half away from zero to the cent, computed in whole numbers.
   DECIMAL / DECIMAL is a floating-point division in DuckDB, and loses cents: 2.01 / 2 is
   1.00499... there. Whole numbers of 64 bits hold every ordinary amount; those of 128 bits hold
   all, and divide twenty times slower. A rate of zero gives NULL. #}
{% macro to_eur(amount, rate) -%}
    case
        when abs({{ amount }}) < 10000000000 and {{ rate }} < 100000
            then {{ divided_to_cents(amount, rate, 'decimal(18, 2)', 'decimal(18, 6)', 'bigint') }}
        else {{ divided_to_cents(amount, rate, 'decimal(20, 2)', 'decimal(24, 6)', 'hugeint') }}
    end
{%- endmacro %}

{% macro divided_to_cents(amount, rate, amount_type, rate_type, whole) -%}
    {%- set cents = 'cast(cast(abs(' ~ amount ~ ') as ' ~ amount_type ~ ') * 100 as ' ~ whole ~ ')' -%}
    {%- set millionths = 'cast(cast(' ~ rate ~ ' as ' ~ rate_type ~ ') * 1000000 as ' ~ whole ~ ')' -%}
    cast(
        sign({{ amount }}) * 0.01 * cast(
            (2 * {{ cents }} * 1000000 + {{ millionths }}) // (2 * {{ millionths }})
        as decimal(20, 0))
    as decimal(18, 2))
{%- endmacro %}
