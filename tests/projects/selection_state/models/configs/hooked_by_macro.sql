{{ config(post_hook="{{ say('done') }}") }}
select 1 as id
