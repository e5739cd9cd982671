/** What any compiled program costs. */
