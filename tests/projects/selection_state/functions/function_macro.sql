number + {{ changed() }}
