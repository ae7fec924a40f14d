-- the notes that a summary came again unchanged, in the journals getvariable('journals'): they say something only where
-- the details have said something else since, so only those activities are looked for. NULL is no word of Strava's
insert into observations
with listed_before as (
    select
        id,
        kudos_count,
        comment_count
    from events
    where is_known
    union all
    select
        id,
        kudos_count,
        comment_count
    from activities
    anti join (from events where is_body) using (id)
),

last_versions as (
    select
        activity_id as id,
        arg_max(kudos_count, observed_at) as kudos_count,
        arg_max(comment_count, observed_at) as comment_count
    from activity_versions
    group by activity_id
),

compared as (
    select
        observations.*,
        coalesce(
            last_value(
                case
                    when stage = 0
                        then {'kudos_count': observations.kudos_count, 'comment_count': observations.comment_count}
                end ignore nulls
            ) over so_far,
            {'kudos_count': listed_before.kudos_count, 'comment_count': listed_before.comment_count}
        ) as listed
    from observations
    left join listed_before using (id)
    window so_far as (
        partition by id
        order by run_id, stage, seq
        rows between unbounded preceding and current row
    )
),

disputed as (
    select id
    from compared
    where
        stage = 1
        and (kudos_count <> listed.kudos_count or comment_count <> listed.comment_count)
    union
    select id
    from last_versions
    inner join listed_before using (id)
    where
        last_versions.kudos_count <> listed_before.kudos_count
        or last_versions.comment_count <> listed_before.comment_count
),

notes as (
    select
        id,
        run_of(filename) as run_id,
        seq,
        athlete_id,
        coalesce(source, 'api') as source,
        fetched_at,
        true as is_note
    from read_ndjson(
        getvariable('journals'),
        filename = true,
        maximum_object_size = getvariable('longest_line'),
        columns = {
            'seq': 'bigint', 'kind': 'varchar', 'athlete_id': 'bigint', 'fetched_at': 'timestamptz',
            'id': 'bigint', 'source': 'varchar'
        }
    )
    semi join disputed using (id)
    where kind = 'same'
),

told as (
    select
        id,
        run_id,
        seq,
        athlete_id,
        source,
        fetched_at,
        is_note,
        coalesce(
            last_value(
                case
                    when not is_note
                        then {'kudos_count': both_kinds.kudos_count, 'comment_count': both_kinds.comment_count}
                end ignore nulls
            ) over so_far,
            {'kudos_count': listed_before.kudos_count, 'comment_count': listed_before.comment_count}
        ) as said
    from (
        from notes
        union all by name
        select
            id,
            run_id,
            seq,
            kudos_count,
            comment_count,
            false as is_note
        from observations
        where stage = 0
    ) as both_kinds
    left join listed_before using (id)
    window so_far as (partition by id order by run_id, seq rows between unbounded preceding and current row)
)

select
    id,
    run_id,
    0 as stage,
    seq,
    athlete_id,
    source,
    fetched_at,
    said.kudos_count,
    said.comment_count,
    null as lives
from told
where is_note;
