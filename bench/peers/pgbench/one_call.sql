-- One random seat a transaction, each seat once: client c takes places c, c + clients ... of a shuffle.
\set place (:turn * :clients + :client_id) % (:shows * :seats)
\set turn :turn + 1
\set shuffled permute(:place, :shows * :seats, :seed)
\set show :shuffled % :shows + :first_show
\set seat :shuffled / :shows + 1
SELECT booking_id FROM book_seat(:show, :seat, 'Ada Lovelace');
