-- what the archive filled in is taken out again, so that a row is what Strava said alone
delete from activity_details where source = 'export';

update activity_details
set
    description = case when not list_contains(filled, 'description') then description end,
    private_note = case when not list_contains(filled, 'private_note') then private_note end,
    device_name = case when not list_contains(filled, 'device_name') then device_name end,
    calories = case when not list_contains(filled, 'calories') then calories end,
    perceived_exertion = case when not list_contains(filled, 'perceived_exertion') then perceived_exertion end,
    prefer_perceived_exertion = case when not list_contains(filled, 'prefer_perceived_exertion') then prefer_perceived_exertion end,
    filled = null
where filled is not null;
