-- the same for gear and athletes
delete from gear where source = 'export';

delete from athletes where source = 'export';
