{# An amount in EUR, rounded half away from zero to the cent, computed in whole numbers.
   DECIMAL / DECIMAL is a floating-point division in DuckDB, and loses cents:
   2.01 / 2 is 1.00499... there. Twice the cents in millionths stay below 2e24, far inside
   HUGEINT; the wider types come first, for DECIMAL(18, 2) * 100 overflows. A rate of zero gives
   NULL. #}
{% macro to_eur(amount, rate) -%}
    {%- set cents = 'cast(abs(cast(' ~ amount ~ ' as decimal(20, 2))) * 100 as hugeint)' -%}
    {%- set millionths = 'cast(cast(' ~ rate ~ ' as decimal(24, 6)) * 1000000 as hugeint)' -%}
    cast(
        sign({{ amount }}) * 0.01 * cast(
            (2 * {{ cents }} * 1000000 + {{ millionths }}) // (2 * {{ millionths }})
        as decimal(20, 0))
    as decimal(18, 2))
{%- endmacro %}
