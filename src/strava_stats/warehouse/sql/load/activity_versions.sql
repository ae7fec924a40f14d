-- the versions that the observations of this load add to those there are
insert into activity_versions by name
with earlier_versions as (
    select
        activity_id as id,
        max(observed_at) as observed_at,
        arg_max(op, observed_at) <> 'deleted' as is_live,
        arg_max(kudos_count, observed_at) as kudos_count,
        arg_max(comment_count, observed_at) as comment_count
    from activity_versions
    where activity_id in (select id from observations)
    group by activity_id
),

named as (
    select
        observations.*,
        earlier_versions.observed_at as earlier_observed_at,
        earlier_versions.kudos_count as earlier_kudos_count,
        earlier_versions.comment_count as earlier_comment_count,
        -- a word that it is gone is none on what was never seen
        case
            when earlier_versions.is_live is not null or bool_or(lives) over before
                then coalesce(last_value(lives ignore nulls) over before, earlier_versions.is_live)
        end as lived,
        case
            when lives and lived is null then 'created'
            when lives and not lived then 'restored'
            when lives and lived then 'edited'
            when not lives and lived then 'deleted'
            when lives is null and lived then 'edited'
        end as op
    from observations
    left join earlier_versions using (id)
    window before as (
        partition by observations.id
        order by run_id, stage, seq
        rows between unbounded preceding and 1 preceding
    )
),

counted as (
    select
        *,
        coalesce(last_value(kudos_count ignore nulls) over earlier, earlier_kudos_count) as kudos_before,
        coalesce(last_value(comment_count ignore nulls) over earlier, earlier_comment_count) as comments_before
    from named
    where op is not null
    window earlier as (
        partition by id
        order by run_id, stage, seq
        rows between unbounded preceding and 1 preceding
    )
),

compared as (
    select
        counted.* replace (
            coalesce(kudos_count, kudos_before) as kudos_count,
            coalesce(comment_count, comments_before) as comment_count
        ),
        case
            when op = 'edited' then list_concat(
                coalesce(edits.changed, []),
                case
                    when counted.kudos_count is not null and counted.kudos_count is distinct from kudos_before
                        then ['kudos_count']
                    else []
                end,
                case
                    when counted.comment_count is not null and counted.comment_count is distinct from comments_before
                        then ['comment_count']
                    else []
                end
            )
            else []
        end as changed,
        case
            when lives is null then to_json({'kudos_count': kudos_before, 'comment_count': comments_before})
            else edits.before
        end as before
    from counted
    left join edits
        on
            edits.id = counted.id
            and edits.run_id = counted.run_id
            and edits.seq = counted.seq
            and counted.stage = 0
),

numbered as (
    select
        *,
        row_number() over (partition by id order by run_id, stage, seq) as position
    from compared
    where op <> 'edited' or len(changed) > 0
)

-- a clock that was set back moves a version right behind the one before it
select
    id as activity_id,
    make_timestamptz(position + greatest(
        max(epoch_us(fetched_at) - position) over (partition by id order by position),
        epoch_us(earlier_observed_at)
    )) as observed_at,
    athlete_id,
    op,
    changed,
    before,
    kudos_count,
    comment_count,
    source,
    run_id
from numbered;
