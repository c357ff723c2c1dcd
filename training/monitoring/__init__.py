"""What is live, watched: drift, label errors, shadow agreement, an archive judged again."""
