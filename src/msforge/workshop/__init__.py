"""What a teacher needs around a class: is this laptop ready, and everything in one folder for a room without Wi-Fi."""
