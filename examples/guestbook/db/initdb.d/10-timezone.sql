ALTER DATABASE guestbook SET timezone TO 'UTC';
